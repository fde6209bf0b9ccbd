//! `spindrift token`: a bearer token, and what the configuration keeps of it.

use spindrift_api::TokenHash;

use crate::cli::TokenArgs;
use crate::exit::Exit;
use crate::say;

/// Prints a new token as a comment, and the configuration that accepts it.
pub fn token(arguments: &TokenArgs) -> anyhow::Result<Exit> {
    let secret: [u8; 32] = rand::random();
    let token = format!("spk_{}", hex(&secret));
    let hash = TokenHash::of(&token);
    say!("# Give this to its owner; it is not shown again: {token}");
    say!("[[tokens]]");
    say!("user = {:?}", arguments.user);
    say!("roles = {:?}", arguments.roles);
    say!("hash = \"{hash}\"");
    Ok(Exit::Success)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
