"""The root of every error this package raises on purpose.

QbdispatchError
├── config.faults.ConfigError        the configuration has faults; all of them are named
├── torrents.errors.TorrentError     the submitted torrent cannot be used
│   ├── InvalidMagnet
│   ├── InvalidTorrentFile
│   └── FetchFailed                  a .torrent URL did not yield a torrent
├── nodes.errors.NodeError           a node did not do what was asked
│   ├── NodeUnreachable              nothing was sent: safe to go on with another node
│   │   └── NodeDown                 not even tried, as it is known to be down
│   ├── NodeForbidden                no valid session: nothing was done
│   ├── NodeAuthFailed               the node refuses our credentials, or we are in back-off because it did
│   ├── NodeRefused                  the node answered, and the answer is no
│   └── NodeOutcomeUnknown           sent, but no answer: the node may or may not have done it
├── dispatch.arr_api.ArrError        a Sonarr or Radarr did not do what was asked
│   ├── ArrSilent                    it does not answer, or a proxy does in its place
│   ├── ArrKeyRefused                it does not know our key
│   ├── NotArr                       something else answers, or another part of it
│   └── ArrInvalid                   it refused an entry, and says what is wrong with it
├── dispatch.connecting.Unconnectable   an instance cannot be connected this way
├── dispatch.actions.ActionFailed    an action on torrents failed on at least one node
├── cli.decisions.NoSuchDecision     there is none with this id
├── cli.upkeep.NoDemo                the demo is not part of what is installed
├── logs.UnknownLogFormat            neither text nor JSON
├── store.backup.BackupFailed        no backup was made
├── dispatch.held_actions.NotWhileHeld  it cannot be done to a torrent that waits for a node
└── store.errors.StoreUnavailable    the database does not answer
"""


class QbdispatchError(Exception):
    """Base of all errors that the web layer maps to a reply; `str()` is fit to be shown to the user."""
