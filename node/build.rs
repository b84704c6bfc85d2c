//! Makes the gRPC code of `proto/*.proto`; no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["../proto/cluster.proto"];
    let descriptors = protox::compile(files, ["../proto"])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    Ok(())
}
