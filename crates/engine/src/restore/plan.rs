//! The plan of a restore in place: what a backup says, held against what the root has.
//!
//! Nothing is written here. Each path that is wanted is created, replaced, or left because it is the same already;
//! what the backup does not know is left alone, except in mirrored categories. The steps come out in the order in
//! which they can be done: first what goes, then folders, then files, then what folders are besides their content.

mod besides;
mod databases;
mod goes;
mod links;
mod mirror;
mod planner;
mod rejoin;
mod steps;
pub mod take_back;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::afterwards::Placed;
use super::metadata::Meta;
use super::session::Sessions;
use super::source::{self, ListAccess, SelectedBackup};
use super::unset::Unset;
use crate::capture::databases::SIDES;
use crate::capture::sqlite::HEADER;
use crate::path::RelPath;
use crate::report::{RestoreOptions, RestorePlan, Warning};
use crate::{Config, Control, Result, vault};
use besides::AttributeChange;
use steps::changes;

use planner::{Here, Planner, beside, link_target, stat_of_root};

/// What is to be done to the root.
#[derive(Default)]
pub struct ChangePlan {
    pub report: RestorePlan,
    /// Files and links that go, with what lies beside a database.
    removes: Vec<RelPath>,
    /// Folders that go, and what they are.
    folders: BTreeMap<RelPath, Meta>,
    makes: Vec<RelPath>,
    puts: Vec<(RelPath, bool)>,
    /// Databases that are there and are replaced.
    pub databases: Vec<ReplacedDatabase>,
    /// Databases, and what looks like one, that can be replaced by a rename only: nobody may have them open.
    pub swapped: Vec<Swapped>,
    /// Databases that go.
    pub lost_databases: Vec<RelPath>,
    /// Databases that are put where nothing is: somebody may have the one open that lay there.
    pub created: Vec<RelPath>,
    /// Databases that are as the backup has them already.
    pub unchanged: Vec<RelPath>,
    /// The inodes that databases had when they were backed up.
    pub inodes: HashMap<RelPath, u64>,
    /// Sessions that are left alone, and how to ask for them.
    pub kept: Vec<Warning>,
    /// Bytes and names that are written on each file system of the root, by the folder where it begins.
    needs: BTreeMap<RelPath, (u64, u64)>,
    /// What folders and files are besides their content, now and afterwards.
    describes: BTreeMap<RelPath, (Option<Meta>, Option<Meta>)>,
    /// Extended attributes and ACLs of what stays, and of folders that are made.
    attributes: BTreeMap<RelPath, AttributeChange>,
    /// Folders of the root that lie on other file systems.
    pub areas: Vec<RelPath>,
    /// Everything that is there now and will be replaced or removed.
    pub replaced: BTreeSet<RelPath>,
    /// One of the files that change and that a running app may keep in memory: anything but databases and photos.
    pub in_memory: Option<RelPath>,
    /// The plain files that are put into the root, as they will lie there.
    pub placed: Vec<Placed>,
    /// What its owner should know of it afterwards.
    pub warnings: Vec<Warning>,
    /// What could not be given back of what was staged.
    pub unset: Unset,
    /// Links that go, and where they lead.
    links: BTreeMap<RelPath, Vec<u8>>,
    /// Links that are put into the root and are in no backup, and names of files that are there.
    pub new_links: BTreeMap<RelPath, rejoin::NewLink>,
}

/// A live database that is replaced.
pub struct ReplacedDatabase {
    pub path: RelPath,
    /// The files that may be beside it, and go with it where it is swapped by rename.
    pub sides: Vec<RelPath>,
    /// How its content in the backup begins; `None`: it is empty.
    pub header: Option<[u8; HEADER]>,
    /// Bytes of what lies there.
    pub size: u64,
}

/// A database, or what looks like one, that is replaced by a rename only.
pub struct Swapped {
    pub path: RelPath,
    /// The files that may be beside it, and go with it.
    sides: Vec<RelPath>,
    /// Of these, what the backup has beside it.
    brings: Vec<RelPath>,
    /// The rest of the sentence "it cannot be replaced through SQLite: ...".
    pub why: &'static str,
}

/// Makes a plan. Afterwards each source wants only what has to be staged.
pub fn make(
    vault: &vault::Vault,
    config: &Config,
    sources: &mut [SelectedBackup],
    options: &RestoreOptions,
    control: &Control,
) -> Result<ChangePlan> {
    let root_stat = stat_of_root(config)?;
    let mut planner = Planner::new(vault, config, options, control)?;
    planner.sessions = Sessions::look(vault, config, sources, options)?;
    let mut taken: HashSet<RelPath> = HashSet::new();
    for source in sources.iter_mut() {
        source.leave_out(&taken);
        planner.known.truncate(1);
        planner.backup = source.name.to_string();
        let mut staged = HashSet::new();
        let root = &config.root;
        let allows = |path: &RelPath, target: &[u8]| {
            options.allow_outside_links || link_target(&path.under(root)).is_some_and(|here| here == target)
        };
        let several = options.per_item;
        ListAccess { vault, allows: &allows, lost: None }
            .run(source, |path, item| {
                if several {
                    taken.insert(path.clone());
                }
                if planner.item(path, &item)? {
                    staged.insert(path.clone());
                }
                Ok(())
            })
            .map_err(|error| source.blame(error))?;
        let groups = std::mem::take(&mut planner.groups);
        planner.put_groups(groups, &mut staged);
        planner.describe_made(source);
        planner.plan.warnings.extend(source.wanted.remarks());
        source.wanted.narrow_to(staged);
        if options.items.is_empty()
            && let Some(root) = &source.snapshot.root_folder
        {
            planner.root(root, &root_stat);
        }
    }
    if !options.per_item {
        // The words mean what they mean in the backup, also where the root has something else of that name.
        let selection = source::selection(&options.items, vault, &sources[0].snapshot)?;
        planner.mirror(vault, selection)?;
    }
    planner.settle_sides()?;
    planner.plan.forget_quiet_areas();
    planner.plan.kept = planner.sessions.kept();
    Ok(planner.plan)
}

impl Planner<'_> {
    fn make_folder(&mut self, path: &RelPath, meta: Option<Meta>) -> Here {
        self.plan.makes.push(path.clone());
        if meta.is_some() {
            self.plan.describes.insert(path.clone(), (None, meta));
        }
        Here::Coming
    }
}

/// What may lie beside a database, as far as such names are possible.
fn sides_of(path: &RelPath) -> Vec<RelPath> {
    SIDES.iter().filter_map(|suffix| beside(path, suffix).ok()).collect()
}
