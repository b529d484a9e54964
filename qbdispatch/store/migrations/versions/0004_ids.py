"""No id is given twice: who still holds one of a row that is gone must not meet another's."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = ("claims", "held", "notices")


def upgrade() -> None:
    _recreate(autoincrement=True)


def downgrade() -> None:
    _recreate(autoincrement=False)


def _recreate(*, autoincrement: bool) -> None:
    """SQLite gives the highest id again once its row is gone; PostgreSQL never does."""
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": autoincrement}):
                pass
