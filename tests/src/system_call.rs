//! System calls of a process, read from what `strace -f -xx -yy` wrote.
//!
//! A line stands where a call began. When another thread's call came between, its end has a line of its own. Both
//! places are kept: who was told by whom shows in nothing else.

use std::collections::HashMap;

/// One system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// `sendto`, `fdatasync`, ...
    pub name: String,
    /// What the descriptor stands for: a path, or `TCP:[here->there]`.
    pub on: String,
    /// The octets that were read or written.
    pub octets: Vec<u8>,
    /// What it returned, -1 for an error; `None` if the trace ended before it returned.
    pub result: Option<i64>,
    /// The line on which it began.
    pub began: usize,
    /// The line on which it had returned; the same as `began` if nothing came between.
    pub ended: usize,
}

impl SystemCall {
    /// Whether it sent something on a TCP connection.
    pub fn sends(&self) -> bool {
        self.on.starts_with("TCP:") && matches!(self.name.as_str(), "write" | "writev" | "sendto" | "sendmsg")
    }

    /// Whether it took something from a TCP connection.
    pub fn receives(&self) -> bool {
        self.on.starts_with("TCP:") && matches!(self.name.as_str(), "read" | "readv" | "recvfrom" | "recvmsg")
    }

    /// Whether it wrote into a journal.
    pub fn writes_journal(&self) -> bool {
        self.is_on_journal()
            && self.result > Some(0)
            && matches!(self.name.as_str(), "write" | "pwrite64" | "writev" | "pwritev")
    }

    /// Whether it made a journal durable.
    pub fn syncs_journal(&self) -> bool {
        self.is_on_journal() && self.result == Some(0) && matches!(self.name.as_str(), "fdatasync" | "fsync")
    }

    fn is_on_journal(&self) -> bool {
        self.on.ends_with("/db")
    }
}

/// Reads all calls, in the order of their beginning. Those that had not returned in the end are taken to end there.
pub fn read_calls(text: &str) -> Vec<SystemCall> {
    let mut unfinished = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let Some((thread, rest)) = text.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let open = [" <unfinished ...>", " <detached ...>"].iter().find_map(|end| rest.strip_suffix(end));
        if let Some(start) = open {
            unfinished.insert(thread.to_owned(), (line, start.to_owned()));
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let Some((began, start)) = unfinished.remove(thread) else { continue };
            calls.extend(read_call(&(start + end), began, line));
        } else {
            calls.extend(read_call(rest, line, line));
        }
    }
    let end = text.lines().count();
    calls.extend(unfinished.into_values().filter_map(|(began, start)| read_call(&start, began, end)));
    calls.sort_by_key(|call| call.began);
    calls
}

fn read_call(text: &str, began: usize, ended: usize) -> Option<SystemCall> {
    let (call, result) = match text.rsplit_once(" = ") {
        Some((call, result)) => (call, Some(result.split([' ', '<']).next()?.parse::<i64>().ok()?)),
        None => (text, None),
    };
    let (name, arguments) = call.split_once('(')?;
    let (_, rest) = arguments.split_once('<')?;
    // An arrow stands in the names of sockets, which end with a bracket.
    let (on, rest) = rest.split_once(if rest.starts_with("TCP") { "]>" } else { ">" })?;
    let mut octets = rest.split('"').skip(1).step_by(2).flat_map(unescape).collect::<Vec<_>>();
    if let Some(result) = result {
        octets.truncate(usize::try_from(result).unwrap_or(0));
    }
    let on = match on.starts_with("TCP") {
        true => format!("{on}]"),
        false => String::from_utf8_lossy(&unescape(on).collect::<Vec<_>>()).into_owned(),
    };
    Some(SystemCall { name: name.to_owned(), on, octets, result, began, ended })
}

/// `\x2f\x64` is `/d`; what is not escaped stands for nothing.
fn unescape(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.split("\\x").skip(1).filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"12 recvfrom(30<TCP:[127.0.0.1:2775->127.0.0.1:57962]>, "\x00\x01\x02", 65536, 0, NULL, NULL) = 3
13 pwrite64(16<\x2f\x64\x62>, "\x41\x42", 2, 0 <unfinished ...>
14 recvfrom(31<TCP:[127.0.0.1:2775->127.0.0.1:57963]>, 0x7f, 65536, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
13 <... pwrite64 resumed>)              = 2
12 fdatasync(17<\x2f\x64\x62>) = 0
12 writev(30<TCP:[127.0.0.1:2775->127.0.0.1:57962]>, [{iov_base="\x01\x02", iov_len=2}, {iov_base="\x03\x04", iov_len=2}], 2) = 3
12 fdatasync(17<\x2f\x64\x62>) = -1 EIO (Input/output error) (INJECTED)
15 +++ exited with 0 +++
12 sendto(30<TCP:[127.0.0.1:2775->127.0.0.1:57962]>, "\x05\x06", 2, MSG_NOSIGNAL, NULL, 0 <unfinished ...>
16 fdatasync(17<\x2f\x64\x62> <unfinished ...>
13 <... recvfrom resumed> <unfinished ...>
"#;

    fn calls() -> Vec<SystemCall> {
        read_calls(TRACE)
    }

    #[test]
    fn a_call_has_the_octets_that_it_took_or_gave() {
        let octets = calls().into_iter().map(|call| call.octets).collect::<Vec<_>>();
        assert_eq!(octets, [&b"\x00\x01\x02"[..], b"AB", b"", b"", b"\x01\x02\x03", b"", b"\x05\x06", b""]);
    }

    #[test]
    fn a_call_that_another_one_interrupts_has_two_places() {
        let places = calls().into_iter().map(|call| (call.began, call.ended)).collect::<Vec<_>>();
        assert_eq!(places[..6], [(0, 0), (1, 3), (2, 2), (4, 4), (5, 5), (6, 6)]);
        assert_eq!(places[6..], [(8, 11), (9, 11)], "these had not returned");
    }

    #[test]
    fn calls_are_told_apart_by_what_they_do() {
        let kinds = calls()
            .iter()
            .map(|call| (call.receives(), call.sends(), call.writes_journal(), call.syncs_journal()))
            .collect::<Vec<_>>();
        let (no, yes) = (false, true);
        let failed = (no, no, no, no);
        assert_eq!(kinds[..2], [(yes, no, no, no), (no, no, yes, no)]);
        assert_eq!(kinds[3..], [(no, no, no, yes), (no, yes, no, no), failed, (no, yes, no, no), failed]);
    }

    #[test]
    fn descriptors_are_named() {
        assert_eq!((calls()[0].on.as_str(), calls()[1].on.as_str()), ("TCP:[127.0.0.1:2775->127.0.0.1:57962]", "/db"));
    }
}
