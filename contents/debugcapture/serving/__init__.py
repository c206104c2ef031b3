"""HTTP servers of this package: requests, replies, and the loop that serves them."""
