//! The process: configuration, listeners, sessions, links, HTTP, commands.
