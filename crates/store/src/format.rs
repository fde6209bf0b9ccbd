//! The version of the layout on disk, and how an older one becomes the newest.

use std::path::Path;

use sled::Db;

use crate::error::OpenError;
use crate::key;

/// The version this program writes. A change of [`key`] or [`codec`](crate::codec) that older programs would
/// misread raises it and adds a migration.
pub(crate) const FORMAT: u32 = 1;

/// What turns a store of one version into the next. It runs before anything else reads the store, and again from its
/// beginning if the process dies in it.
type Migration = fn(&Db) -> sled::Result<()>;

/// The migration at position `n` turns version `n + 1` into `n + 2`.
const MIGRATIONS: &[Migration] = &[];

const _: () = assert!(MIGRATIONS.len() + 1 == FORMAT as usize);

/// Makes sure that `db` is in the newest format: an empty one is given it, an older one is brought to it.
pub(crate) fn check(db: &Db, dir: &Path) -> Result<(), OpenError> {
    bring_to(db, dir, MIGRATIONS)
}

fn bring_to(db: &Db, dir: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let corrupt = |reason: String| OpenError::Corrupt {
        dir: dir.to_owned(),
        reason,
    };
    let failed = |error: sled::Error| corrupt(error.to_string());
    // There are never more migrations than a few.
    let known = u32::try_from(migrations.len() + 1).unwrap_or(u32::MAX);
    let found = match db.get(key::format()).map_err(failed)? {
        Some(value) => read(&value).ok_or_else(|| corrupt("its format is no number".into()))?,
        None if db.is_empty() => {
            write(db, known).map_err(failed)?;
            known
        }
        None => {
            return Err(OpenError::Foreign {
                dir: dir.to_owned(),
            });
        }
    };
    if found > known {
        return Err(OpenError::NewerFormat {
            dir: dir.to_owned(),
            found,
            known,
        });
    }
    for version in found..known {
        let migration = usize::try_from(version)
            .ok()
            .and_then(|version| migrations.get(version.checked_sub(1)?))
            .ok_or_else(|| corrupt(format!("its format is {version}")))?;
        tracing::info!(
            from = version,
            to = version + 1,
            "the store is brought to a newer format"
        );
        migration(db).map_err(failed)?;
        db.flush().map_err(failed)?;
        write(db, version + 1).map_err(failed)?;
    }
    Ok(())
}

fn read(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

fn write(db: &Db, version: u32) -> sled::Result<()> {
    db.insert(key::format(), &version.to_be_bytes())?;
    db.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> Db {
        sled::Config::new().temporary(true).open().unwrap()
    }

    fn version(db: &Db) -> Option<u32> {
        read(&db.get(key::format()).unwrap()?)
    }

    #[test]
    fn an_empty_store_gets_the_newest_format() {
        let db = db();
        check(&db, Path::new("d")).unwrap();
        assert_eq!(version(&db), Some(FORMAT));
        check(&db, Path::new("d")).unwrap();
    }

    #[test]
    fn an_older_format_goes_through_every_migration_behind_it() {
        let migrations: [Migration; 3] = [
            |db| db.insert("a", "1").map(|_| ()),
            |db| db.insert("a", "2").map(|_| ()),
            |db| db.insert("b", "3").map(|_| ()),
        ];
        let db = db();
        write(&db, 2).unwrap();
        bring_to(&db, Path::new("d"), &migrations).unwrap();
        assert_eq!(version(&db), Some(4));
        assert_eq!(db.get("a").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(db.get("b").unwrap().as_deref(), Some(&b"3"[..]));
    }

    #[test]
    fn what_this_program_does_not_know_is_refused() {
        let db = db();
        write(&db, 9).unwrap();
        insta::assert_snapshot!(check(&db, Path::new("/data")).unwrap_err(), @"/data was written in format 9, and this program knows formats up to 1: start the newer program again, or export the store with it and import the export here");
        write(&db, 0).unwrap();
        insta::assert_snapshot!(check(&db, Path::new("/data")).unwrap_err(), @"/data cannot be read (its format is 0): restore it from a backup or an export");
        db.clear().unwrap();
        db.insert("something", "else").unwrap();
        insta::assert_snapshot!(check(&db, Path::new("/data")).unwrap_err(), @"/data holds a sled database that is not a store of ours; choose another directory");
    }
}
