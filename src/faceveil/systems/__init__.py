"""One room for each system, and the table of them."""
