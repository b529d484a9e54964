"""`make demo`: three real qBittorrent nodes behind one dispatcher, and how it decides between them."""
