"""How much room the store itself takes."""

from pathlib import Path

from sqlalchemy import Connection, text

_FILES = ("", "-wal", "-shm")


def size_bytes(connection: Connection) -> int:
    """SQLite: the file with what belongs to it; PostgreSQL: the database."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    files = [Path(f"{connection.engine.url.database}{ending}") for ending in _FILES]
    return sum(file.stat().st_size for file in files if file.exists())
