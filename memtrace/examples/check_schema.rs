//! Prints the JSON schema of the object of `memtrace check --json`, which `docs/check-schema.json` holds.

fn main() -> Result<(), serde_json::Error> {
    print!("{}", memtrace::preflight::render::schema()?);
    Ok(())
}
