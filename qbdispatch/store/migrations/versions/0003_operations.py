"""What operating it needs: causes and back-off of nodes, held submissions, counts, history, notices, rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("node_states") as node_states:
        node_states.add_column(sa.Column("cause", sa.String(length=32), nullable=True))
        node_states.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        node_states.add_column(sa.Column("retry_at", sa.Float(), nullable=True))
        node_states.add_column(sa.Column("latency_ms", sa.Float(), nullable=True))
        node_states.add_column(sa.Column("removed_at", sa.Float(), nullable=True))
    op.create_table(
        "held",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("v1", sa.String(length=40), nullable=True),
        sa.Column("v2", sa.String(length=64), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("size_estimate", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("magnet", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("decision_id", sa.String(length=32), nullable=False),
        sa.Column("held_at", sa.Float(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("noticed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("held_v1", "held", ["v1"], unique=False)
    op.create_index("held_v2", "held", ["v2"], unique=False)
    op.create_table(
        "vanished",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.String(length=32), nullable=True),
        sa.Column("vanished_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_vanished_vanished_at", "vanished", ["vanished_at"], unique=False)
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "label"),
    )
    op.create_table(
        "samples",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=True),
        sa.Column("effective_free_bytes", sa.BigInteger(), nullable=True),
        sa.Column("download_speed", sa.BigInteger(), nullable=False),
        sa.Column("active_downloads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("node", "at"),
    )
    op.create_table(
        "alerts",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("raised_at", sa.Float(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_next_at", "notices", ["next_at"], unique=False)
    op.create_table(
        "buckets",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    for table in ("buckets", "notices", "alerts", "samples", "tallies", "vanished", "held"):
        op.drop_table(table)
    with op.batch_alter_table("node_states") as node_states:
        for column in ("removed_at", "latency_ms", "retry_at", "failures", "cause"):
            node_states.drop_column(column)
