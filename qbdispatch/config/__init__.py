"""The configuration: what can be set, and how a file becomes `Settings`."""

from qbdispatch.config.faults import ConfigError, Fault
from qbdispatch.config.loader import load_settings
from qbdispatch.config.settings import (
    ArrSettings,
    AuthSettings,
    DispatcherSettings,
    FetchSettings,
    NodeSettings,
    PathRule,
    RetentionSettings,
    Settings,
    SubmissionSettings,
    SyncSettings,
    gib,
)

__all__ = [
    "ArrSettings",
    "AuthSettings",
    "ConfigError",
    "DispatcherSettings",
    "Fault",
    "FetchSettings",
    "NodeSettings",
    "PathRule",
    "RetentionSettings",
    "Settings",
    "SubmissionSettings",
    "SyncSettings",
    "gib",
    "load_settings",
]
