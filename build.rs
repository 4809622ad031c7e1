//! Tells cargo what the binary carries: the Python package, and the templates of projects and
//! notebooks.

fn main() {
    println!("cargo::rerun-if-changed=python/daglab");
    println!("cargo::rerun-if-changed=templates/notebooks");
    println!("cargo::rerun-if-changed=templates/projects");
}
