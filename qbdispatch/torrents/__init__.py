"""What a client submits, understood: a magnet, a hash, a .torrent file or a URL becomes a `TorrentSource`.

`link.source_from_link` takes text, `metainfo.parse_torrent_file` takes a file's bytes, `fetch.fetch_torrent`
gets the file behind a URL. Nothing here knows of nodes, configuration or HTTP requests to us.
"""
