//! Tells cargo that the binary carries the Python package.

fn main() {
    println!("cargo::rerun-if-changed=python/daglab");
}
