"""A torrent's folder has a column of its own, so that finding who has torrents in it costs the same with any number."""

import sqlalchemy as sa
from alembic import op

from qbdispatch.store.tables import String

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("mirror") as mirror:
        mirror.add_column(sa.Column("save_path", sa.String(length=512), nullable=True))
    names = ("node", "node_id")
    table = sa.table("mirror", *map(sa.column, names), sa.column("save_path", String(512)), sa.column("row", sa.JSON))
    listed = op.get_bind().execute(sa.select(table.c.node, table.c.node_id, table.c.row)).all()
    for node, node_id, row in listed:  # looked into here: PostgreSQL refuses to look into some rows that it keeps
        if isinstance(path := row.get("save_path"), str):
            mine = (table.c.node == node, table.c.node_id == node_id)
            op.get_bind().execute(table.update().where(*mine).values(save_path=path))
    op.create_index("mirror_save_path", "mirror", ["node", "save_path"], unique=False)


def downgrade() -> None:
    op.drop_index("mirror_save_path", table_name="mirror")
    with op.batch_alter_table("mirror") as mirror:
        mirror.drop_column("save_path")
