"""Photos that come by an address: checked, fetched, and made what models take."""
