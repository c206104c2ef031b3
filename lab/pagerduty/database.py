"""Incidents, alerts and notes in SQLite. They survive a restart and a kill."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path

from lab.pagerduty.model import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, number INTEGER, content TEXT, alerts TEXT);
CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, incident TEXT, position INTEGER, content TEXT);
CREATE INDEX IF NOT EXISTS notes_of_incident ON notes (incident, position);
"""


class Database:
    """The persistent state of the simulator. Thread-safe."""

    def __init__(self, file: Path) -> None:
        """Open the file, or create it."""
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        # the data must survive a killed process, but not a power failure
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    def clear(self) -> None:
        """Delete everything."""
        self._run("DELETE FROM notes")
        self._run("DELETE FROM incidents")

    def incident_ids(self) -> list[str]:
        """Return the IDs of all incidents in the order of their creation."""
        return [row[0] for row in self._run("SELECT id FROM incidents ORDER BY number")]

    def add_incident(self, incident: Json, alerts: list[Json]) -> None:
        """Add an incident, or replace the incident with the same ID and keep its notes."""
        values = (incident["id"], incident["incident_number"], json.dumps(incident), json.dumps(alerts))
        self._run("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)", *values)

    def incident(self, identity: str) -> Json | None:
        """Return an incident."""
        return self._first("SELECT content FROM incidents WHERE id = ?", identity)

    def alerts(self, identity: str) -> list[Json]:
        """Return the alerts of an incident."""
        rows = self._run("SELECT alerts FROM incidents WHERE id = ?", identity)
        return [alert for row in rows for alert in json.loads(row[0])]

    def notes(self, incident: str) -> list[Json]:
        """Return the notes of an incident, oldest first."""
        rows = self._run("SELECT content FROM notes WHERE incident = ? ORDER BY position", incident)
        return [json.loads(row[0]) for row in rows]

    def add_note(self, incident: str, note: Json, limit: int) -> bool:
        """Add a note unless the incident has `limit` of them. Return whether it was added."""
        added = self._run(
            "INSERT INTO notes SELECT ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM notes), ? "
            "WHERE (SELECT count(*) FROM notes WHERE incident = ?) < ? RETURNING id",
            *(note["id"], incident, json.dumps(note), incident, limit),
        )
        return bool(added)

    def note(self, incident: str, identity: str) -> Json | None:
        """Return a note of this incident."""
        return self._first("SELECT content FROM notes WHERE incident = ? AND id = ?", incident, identity)

    def replace_note(self, note: Json) -> None:
        """Replace the note with the same ID."""
        self._run("UPDATE notes SET content = ? WHERE id = ?", json.dumps(note), note["id"])

    def delete_note(self, identity: str) -> None:
        """Delete a note."""
        self._run("DELETE FROM notes WHERE id = ?", identity)

    def _first(self, query: str, *values: str) -> Json | None:
        for row in self._run(query, *values):
            incident: Json = json.loads(row[0])
            return incident
        return None

    def _run(self, query: str, *values: str | int) -> list[tuple[str, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()
