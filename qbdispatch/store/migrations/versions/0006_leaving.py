"""A placement knows that its torrent is being deleted, so that whoever dies over that leaves word of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("placements") as placements:
        placements.add_column(sa.Column("leaving_until", sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("placements") as placements:
        placements.drop_column("leaving_until")
