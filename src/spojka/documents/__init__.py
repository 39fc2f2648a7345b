"""Documents and their effects: planning, the one driver advance(), series, rendering, e-mail."""
