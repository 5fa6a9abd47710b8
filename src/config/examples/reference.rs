//! Prints the reference page: `cargo run -p config --example reference > docs/configuration.md`.

fn main() {
    print!("{}", config::reference());
}
