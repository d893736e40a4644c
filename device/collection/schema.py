"""The collection's tables, as steps that are only ever appended to.

Every change to a person or their references, by whatever code or tool, passes a trigger that counts `revision` up and
notes the person in `change`. So another process can ask "who changed since I last looked?" and read only those people.
A row of `change` stays when its person is erased: it holds nothing but the opaque id.
"""

from __future__ import annotations

from dataclasses import replace

from device.collection.storage import Database, FileKind, MigrationStep, StorageErrors
from device.errors import (
    CollectionError,
    CollectionTooNewError,
    CollectionUnreadableError,
    StorageFullError,
    StorageUnwritableError,
)

CHANGES = (("person", "id"), ("biometric_reference", "person"))  # table, and its column that says whose row it is


def m001_people(database: Database) -> None:
    """People, their references, their consent and the journal of changes. Times are ISO 8601 in UTC."""
    for statement in (
        """CREATE TABLE person (
            id TEXT PRIMARY KEY,             -- opaque and random, so that it says nothing about its bearer
            name TEXT NOT NULL,              -- Unicode NFC
            name_key TEXT NOT NULL UNIQUE,   -- the name case-folded: two people whom a reader would confuse are refused
            suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
            valid_from TEXT,
            valid_until TEXT,
            groups TEXT NOT NULL DEFAULT '[]',  -- JSON array of strings
            created_at TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE biometric_reference (
            id INTEGER PRIMARY KEY,
            person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
            model_id TEXT NOT NULL,
            vector BLOB NOT NULL,            -- little-endian float32, unit length
            quality TEXT NOT NULL,           -- JSON object: what the quality gates measured at enrolment
            created_at TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX biometric_reference_person ON biometric_reference (person, model_id)",
        """CREATE TABLE consent (
            person TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
            text_version TEXT NOT NULL,
            language TEXT NOT NULL,
            how TEXT NOT NULL,
            given_at TEXT NOT NULL
        ) STRICT""",
        "CREATE TABLE revision (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), value INTEGER NOT NULL) STRICT",
        "INSERT INTO revision VALUES (1, 0)",
        "CREATE TABLE change (person TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT",
        "CREATE INDEX change_revision ON change (revision)",
    ):
        database.execute(statement)
    for table, owner in CHANGES:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            database.execute(_trigger(table, event, f"{row}.{owner}"))


def _trigger(table: str, event: str, person: str) -> str:
    count_up = "UPDATE revision SET value = value + 1"
    note = f"INSERT OR REPLACE INTO change SELECT {person}, value FROM revision"  # noqa: S608 (names from CHANGES)
    return f"CREATE TRIGGER {table}_{event.lower()}_is_a_change AFTER {event} ON {table} BEGIN {count_up}; {note}; END"


def create_sealed_tables(database: Database) -> None:
    """People, references and photos as they are kept now: whatever could tell who somebody is, is sealed.

    Triggers of the journal are made anew, because those of the tables before went with them.
    """
    for statement in (
        """CREATE TABLE seal (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            key_id TEXT NOT NULL,             -- of the site key under which everything here is sealed
            generation INTEGER NOT NULL       -- of the secret matrix; a new one revokes all templates of the one before
        ) STRICT""",
        """CREATE TABLE person (
            id TEXT PRIMARY KEY,              -- opaque and random, so that it says nothing about its bearer
            sealed_key BLOB NOT NULL,         -- the person's own key under the site key; without it nothing opens again
            sealed_name BLOB NOT NULL,        -- UTF-8 of Unicode NFC
            name_tag BLOB NOT NULL UNIQUE,    -- keyed hash of the case-folded name: look-alike names are refused
            suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
            valid_from TEXT,
            valid_until TEXT,
            groups TEXT NOT NULL DEFAULT '[]',  -- JSON array of strings
            created_at TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE biometric_reference (
            id TEXT PRIMARY KEY,              -- opaque and random, the same on every door of the site
            person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
            model_id TEXT NOT NULL,
            sealed_vector BLOB NOT NULL,      -- little-endian float32, unit length, turned by the secret matrix
            quality TEXT NOT NULL,            -- JSON object: what the quality gates measured at enrolment
            created_at TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX biometric_reference_person ON biometric_reference (person, model_id)",
        """CREATE TABLE reference_photo (
            id TEXT PRIMARY KEY,
            person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
            sealed_photo BLOB NOT NULL,       -- the bytes of an encoded picture
            created_at TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX reference_photo_person ON reference_photo (person)",
        """CREATE TABLE consent (
            person TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
            text_version TEXT NOT NULL,
            language TEXT NOT NULL,
            how TEXT NOT NULL,
            given_at TEXT NOT NULL
        ) STRICT""",
    ):
        database.execute(statement)
    for table, owner in CHANGES:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            database.execute(_trigger(table, event, f"{row}.{owner}"))


def m003_lives(database: Database) -> None:
    """What happens to people after their enrolment: other systems' ids, retirement, second factors, last visits."""
    for statement in (
        "ALTER TABLE person ADD COLUMN sealed_external_id BLOB",
        "ALTER TABLE person ADD COLUMN external_id_tag BLOB",  # keyed hash, as name_tag
        "ALTER TABLE person ADD COLUMN retired_at TEXT",  # NULL: the door knows them
        "CREATE UNIQUE INDEX person_external_id ON person (external_id_tag) WHERE external_id_tag IS NOT NULL",
        """CREATE TABLE pin (
            person TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
            sealed_hash BLOB NOT NULL,        -- salt, cost and hash; sealed, because a PIN is soon guessed
            set_at TEXT NOT NULL,
            failures INTEGER NOT NULL DEFAULT 0,  -- in a row
            blocked_until TEXT
        ) STRICT""",
        """CREATE TABLE seen (
            person TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
            on_day TEXT NOT NULL              -- ISO 8601 date of the last grant, UTC
        ) STRICT""",
    ):
        database.execute(statement)


def m004_retention(database: Database) -> None:
    """From when absence counts, and how far the audit was read for last visits."""
    for statement in (
        "ALTER TABLE person ADD COLUMN resumed_at TEXT",  # NULL: never retired and brought back
        """CREATE TABLE seen_through (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            sequence INTEGER NOT NULL,        -- of the last audit event that was looked at; 0: none
            hash TEXT NOT NULL                -- of that event: another log in its place is read from its beginning
        ) STRICT""",
        "INSERT INTO seen_through VALUES (1, 0, '')",
    ):
        database.execute(statement)


def m005_authors(database: Database) -> None:
    """Who may send changes, as one sealed document: see `device.collection.author_register`."""
    database.execute(
        """CREATE TABLE author_register (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            sealed BLOB NOT NULL
        ) STRICT"""
    )


SINCE_SEALED: tuple[MigrationStep, ...] = (m003_lives, m004_retention, m005_authors)  # append only

COLLECTION = FileKind(
    noun="collection",
    application_id=0x4C4E544C,  # "LNTL"
    steps=(m001_people,),  # then the sealing step, which needs a key, and all since: see `sealed_by`
    is_checked_whole=True,
    errors=StorageErrors(
        unreadable=CollectionUnreadableError,
        too_new=CollectionTooNewError,
        full=StorageFullError,
        unwritable=StorageUnwritableError,
        other=CollectionError,
    ),
)


def sealed_by(step: MigrationStep) -> FileKind:
    """The kind of a collection that is sealed by `step`, the second of its steps."""
    return replace(COLLECTION, steps=(*COLLECTION.steps, step, *SINCE_SEALED))
