"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("v1", sa.String(length=40), nullable=True),
        sa.Column("v2", sa.String(length=64), nullable=True),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.String(length=8), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("deadline", sa.Float(), nullable=False),
        sa.Column("decision_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("claims_node", "claims", ["node"], unique=False)
    op.create_index("claims_v1", "claims", ["v1"], unique=False)
    op.create_index("claims_v2", "claims", ["v2"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("selected_node", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_decisions_decided_at"), "decisions", ["decided_at"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "node_states",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(length=32), nullable=True),
        sa.Column("fault_detail", sa.Text(), nullable=False),
        sa.Column("up_since", sa.Float(), nullable=True),
        sa.Column("seen_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("node"),
    )
    op.create_table(
        "placements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=40), nullable=False),
        sa.Column("v1", sa.String(length=40), nullable=True),
        sa.Column("v2", sa.String(length=64), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.Float(), nullable=False),
        sa.Column("decision_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("placements_node_id", "placements", ["node", "node_id"], unique=True)
    op.create_index("placements_v1", "placements", ["v1"], unique=False)
    op.create_index("placements_v2", "placements", ["v2"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sessions",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("cookies", sa.JSON(), nullable=True),
        sa.Column("login_until", sa.Float(), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.Float(), nullable=True),
        sa.Column("refusal_detail", sa.Text(), nullable=False),
        sa.Column("credentials", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )
    op.create_table(
        "snapshots",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.Float(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=True),
        sa.Column("outstanding_bytes", sa.BigInteger(), nullable=False),
        sa.Column("active_downloads", sa.Integer(), nullable=False),
        sa.Column("paused_downloads", sa.Integer(), nullable=False),
        sa.Column("torrents", sa.Integer(), nullable=False),
        sa.Column("download_speed", sa.BigInteger(), nullable=False),
        sa.Column("upload_speed", sa.BigInteger(), nullable=False),
        sa.Column("download_limit", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )


def downgrade() -> None:
    for table in (
        "snapshots",
        "sessions",
        "secrets",
        "placements",
        "node_states",
        "leases",
        "decisions",
        "claims",
    ):
        op.drop_table(table)
