"""What a capture means for an incident: its targets, its note, and captures that share one."""
