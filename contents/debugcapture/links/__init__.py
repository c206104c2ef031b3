"""Signs fresh links for captures that are in a store."""
