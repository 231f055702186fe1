"""The bench: how fast the gateway is, beside others, measured from outside as its users run it.

    processes    servers on a core of their own, and what becomes of them
    checkout     whose gateway is measured: this one, or one to compare it with
    house        what a gateway is given before it starts
    servers      the gateways and their peers: how each is started
    generator    the load generator: compiled on the spot (`load/*.c`), run, read
    figures      the numbers that count
    scenario     one measurement of one server
    scenarios    what is measured; start_up, trace_cost and speech_cost have their own ways
    runs         repeated and interleaved
    machine      what it was measured on
    results      Markdown and JSON
    plots        SVG
    peers        the servers it is compared with

`python -m bench --help` says how to run it.
"""
