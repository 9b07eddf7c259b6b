"""The order path under chaos: orders of all kinds, while everything around them breaks at random moments."""
