"""SuperFaktura (Slovakia, Czechia, Austria)."""
