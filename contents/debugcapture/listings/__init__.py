"""Lists for Rundeck: dropdown values and nodes."""
