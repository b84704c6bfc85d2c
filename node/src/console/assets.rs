//! Styles and scripts: in the binary, read from the source folder in debug builds, so that they can be worked on.
//!
//! uPlot (MIT, its licence beside it) as its authors publish it; all else is ours and goes out as it is written.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "src/console/assets"]
struct Files;

/// GET one of them. A browser that has it asks whether it is still the same, and is told so without the octets.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = Files::get(&name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..8].iter().map(|octet| format!("{octet:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(&name)), (header::VARY, "accept-encoding")];
    if !takes_gzip(&headers) {
        return (caching, kind, file.data.into_owned()).into_response();
    }
    (caching, kind, [(header::CONTENT_ENCODING, "gzip")], packed(hash, &file.data)).into_response()
}

/// An HTML answer, packed for whoever takes that.
pub fn html(headers: &HeaderMap, status: StatusCode, text: String) -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-encoding"),
    ];
    match takes_gzip(headers) {
        false => (status, kind, text).into_response(),
        true => (status, kind, [(header::CONTENT_ENCODING, "gzip")], gzip(text.as_bytes(), Compression::fast()))
            .into_response(),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some("gzip")
            && !parts.any(|part| part.starts_with("q=0") && part.trim_end_matches(['0', '.']) == "q=")
    })
}

/// Each file is packed once.
fn packed(hash: [u8; 32], data: &[u8]) -> Bytes {
    static PACKED: Mutex<Option<HashMap<[u8; 32], Bytes>>> = Mutex::new(None);
    let mut packed = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    packed.get_or_insert_default().entry(hash).or_insert_with(|| gzip(data, Compression::best()).into()).clone()
}

fn gzip(data: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 3), level);
    let written = encoder.write_all(data).and_then(|()| encoder.finish());
    written.expect("a vector takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, header::HeaderValue::from_static(text))])
    }

    #[test]
    fn packed_answers_are_for_who_takes_them() {
        for (text, takes) in
            [("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false), ("gzip;q=0.0", false), ("br", false)]
        {
            assert_eq!(takes_gzip(&accepting(text)), takes, "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn every_file_has_a_type_that_a_browser_takes() {
        for name in Files::iter().filter(|name| !name.ends_with("LICENSE")) {
            assert!(!content_type(&name).starts_with("text/plain"), "{name}");
        }
    }
}
