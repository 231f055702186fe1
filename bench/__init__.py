"""The bench: how fast the gateway is, beside others, measured from outside as its users run it.

    processes    servers on a core of their own, and what becomes of them
    servers      the gateway and its peers: how each is started
    generator    the load generator: compiled on the spot (`load/*.c`), run, read
    scenarios    what is measured
    runs         repeated and interleaved
    machine      what it was measured on
    results      JSON and Markdown
    plots        SVG
    peers        the servers it is compared with

`python -m bench --help` says how to run it.
"""
