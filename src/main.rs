//! The `trapan` program.

fn main() -> std::process::ExitCode {
    trapan::cli::main(std::env::args_os()).into()
}
