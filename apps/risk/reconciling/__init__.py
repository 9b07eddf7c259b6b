"""Both sides of a reconciliation: what the ledger says, and what the broker says when asked now."""
