"""What a capture means for an incident: its targets, its note, and the deduplication of captures."""
