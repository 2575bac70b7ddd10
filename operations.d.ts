// Generated from crates/engine/src/operations/ by `npm run generate`. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.

import type { ErrorCode, Watched } from './index.js'

/**
 * Makes a backup of the root. The first one makes the vault.
 * @param type Default: `'MANUAL'`.
 */
export function createBackup(type?: BackupType, options?: BackupOptions & Watched): Promise<BackupResult>

/**
 * Shows what a backup would take, by folder and category, and what it would not take, and why. Writes nothing, not
 * even a vault, and needs no passphrase.
 */
export function previewBackup(options?: Watched): Promise<Preview>

/**
 * Pauses scheduled backups until a given time, for every host and cluster of this vault. The pause ends by itself.
 * Missed backups are then made once. Backups by hand and by commands (cron), and the checks of the vault, continue.
 * During the pause, `backup:stale` is not raised.
 * @param until A time in the future, within ten years.
 * @throws BackupError E_NOT_FOUND if there is no vault yet
 */
export function pause(until: Instant, options?: Watched): Promise<void>

/** Ends a pause of scheduled backups. */
export function resume(options?: Watched): Promise<void>

/** Lists the backups, newest first. Never waits for a running operation. */
export function listBackups(filter?: ListFilter, options?: Watched): Promise<BackupInfo[]>

/**
 * Lists the items of a backup, in path order. Never waits for a running operation.
 * @param backup A backup's name, or `'latest'`.
 */
export function listItems(backup: string, filter?: ItemFilter, options?: Watched): Promise<Item[]>

/**
 * Lists every version of one path over time, newest first. The same content in several backups in a row is one
 * version. Never waits.
 * @param path The path relative to the root, as `listItems` gives it.
 * @throws BackupError E_NOT_FOUND with the nearest names, if no backup has it
 */
export function versions(path: string, options?: Watched): Promise<Version[]>

/**
 * Shows what changed between two backups, or, without `to`, from a backup to the root as it is now. For a SQLite
 * database it says which tables changed, and by how many rows. The worker reads the root and writes nothing there.
 * Never waits.
 */
export function diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>

/**
 * Reads back and authenticates one backup, or the whole vault with its archives. Damage is reported in the result, not
 * as an error.
 * @param backup Default: the whole vault.
 */
export function verify(backup?: string | null, options?: VerifyOptions & Watched): Promise<VerifyReport>

/** Returns the state of the backups: what is wrong, since when, and what to do. Needs no passphrase, and never waits. */
export function status(options?: Watched): Promise<Status>

/** Lists what happened, newest first: every run of an operation that reads or writes the vault. Needs no passphrase. */
export function history(filter?: HistoryFilter, options?: Watched): Promise<Run[]>

/**
 * Checks everything that a backup needs, from the root to the vault. A failed check says how to fix it. All checks are
 * made, even if one fails. A wrong configuration is one of the failed checks, and not an error.
 */
export function doctor(options?: Watched): Promise<Diagnosis>

/**
 * Restores a backup, or some of its items: in place, or into `options.target`.
 *
 * A restore in place is all or nothing, also after a crash. Everything that it replaces is backed up first
 * (`safetyBackup` in the result). Files that are not in the backup stay, except in the categories of `options.mirror`.
 *
 * If the worker dies, another one finishes or undoes the restore before the promise settles. The promise is fulfilled
 * if the restore was finished. It rejects with E_WORKER if no file had been replaced yet, and with E_ROLLED_BACK if
 * the restore was undone. Only if that fails as well, the root is left between two states, and the message says so.
 * Then the next operation on the root, or `applyPendingRestore()` at the next start, finishes the restore or undoes
 * it. After files have been replaced, an abort may come too late.
 * @param backup A backup's name, `'latest'`, or a time: then the newest good backup at or before that time is taken. A SAFETY backup is taken only by its name.
 * @throws BackupError E_NOT_FOUND with the nearest names, E_CORRUPT, E_RESTORE: nothing was changed; E_ROLLED_BACK:
 * everything was put back
 */
export function restore(backup: BackupReference, options?: RestoreOptions & Watched): Promise<RestoreResult>

/**
 * Takes back the last restore in place. Files that it replaced or removed come back from its safety backup, files that
 * it created are removed, and nothing else is changed. This is a restore, too, with a safety backup of its own:
 * another `undoRestore()` takes it back.
 * @throws BackupError E_NOT_FOUND if there is no restore to take back, or if its safety backup is gone
 */
export function undoRestore(options?: UndoOptions & Watched): Promise<RestoreResult>

/**
 * Call this in the first line of a host, before it opens any file. It applies a restore that was prepared with `mode:
 * 'on-restart'`, and finishes or undoes a restore that a crash cut off. Null if there is neither: then it starts no
 * process and takes less than a millisecond, after the addon is loaded. In CommonJS, the host's index.js is
 * `require('lifeboat').applyPendingRestore().then(() => require('./bot.js'))`.
 */
export function applyPendingRestore(options?: Watched): Promise<RestoreResult | null>

/** Discards a restore that waits for the next start. True: there was one. */
export function discardPendingRestore(options?: Watched): Promise<boolean>

/**
 * Removes the backups that no retention rule keeps, and the data that only they needed. The rules keep the newest of
 * each type (`keep` in `schedules`), the newest `keepManual` that were made by hand, safety backups for
 * `localRetentionDays`, all pinned ones, and always the newest good one. A backup that is being read stays until the
 * next pruning. While a backup is suspicious, nothing is removed, and the error is E_VAULT: see {@link acceptBackup}.
 */
export function prune(options?: PruneOptions & Watched): Promise<PruneReport>

/** Removes one backup, and the data that only it needed. The other backups stay whole. */
export function deleteBackup(backup: string, options?: Watched): Promise<PruneReport>

/**
 * Pins a backup: it is kept until it is unpinned, whatever the rules say. Returns its name.
 * @param backup A backup's name, or `'latest'`.
 */
export function pin(backup: string, options?: Watched): Promise<string>

/**
 * Unpins a backup: the retention rules apply to it again. Returns its name.
 * @param backup A backup's name, or `'latest'`.
 */
export function unpin(backup: string, options?: Watched): Promise<string>

/**
 * Accepts a suspicious backup as right, so that pruning continues. Earlier suspicious backups, and later ones with the
 * same doubt, are accepted with it. Returns the names of all accepted backups. If the backup is wrong, restore
 * `suspicious.against`, and delete the backup.
 * @param backup A backup's name, or `'latest'`: the newest suspicious one.
 */
export function acceptBackup(backup: string, options?: Watched): Promise<string[]>

/**
 * Says that this root and this vault belong together. The first backup does this, too, and so does `migrate`. If a
 * root finds the vault of another root, every backup fails with E_VAULT, because retention would count the backups of
 * both together.
 */
export function adoptVault(options?: Watched): Promise<void>

/**
 * Writes one backup into one portable file, which can be read without a vault: a `.tar.gz`, or a `.tar.gz.sealed` that
 * is sealed with the passphrase (or with the key file, if there is no passphrase). The file is written completely or
 * not at all. `recover.mjs` opens it, too.
 * @param backup A backup's name, or `'latest'`.
 * @param file The file, or a folder. In a folder, the file gets the backup's name.
 * @throws BackupError E_CONFIG, before anything is read, if the file exists already or its folder is missing;
 * E_PASSPHRASE; E_NO_SPACE; E_CORRUPT if the vault is damaged
 */
export function exportBackup(backup: string, file: string, options?: ExportOptions & Watched): Promise<ExportResult>

/**
 * Imports an archive into the vault, as the backup that it was. If there is no vault, it is made. Every byte is
 * compared with the archive's manifest before the backup counts. Waits for a running operation. A backup that is
 * already in the vault is not changed. If the vault has another backup of the same name, that one keeps the name, and
 * the imported backup gets the next free name.
 * @throws BackupError E_PASSPHRASE, E_CORRUPT, E_UNSAFE_PATH; E_SOURCE for a file that is not an archive of Lifeboat
 */
export function importBackup(file: string, options?: ImportOptions & Watched): Promise<BackupInfo>

/**
 * Sets up the root on another server, from a vault, an archive, or a target of the configuration. The root must be
 * empty or must not exist; only a copy of the vault may be in it. The backup is restored completely or not at all. The
 * vault is copied into the new root, with its history of runs; events that wait for the old host are not copied. The
 * source is only read. If the operation is cut off, call it again: it continues. `docs/disaster.md` is the guide.
 * @param from A vault's folder, a folder that contains one (an old root), an archive, or the name of a target in `cloud`.
 */
export function migrate(from: string, options?: MigrateOptions & Watched): Promise<MigrateReport>

/**
 * Sends everything that waits to the targets of the configuration (`cloud`), the newest backup first, and waits until
 * it is there. Objects that are already at a target are not sent again. Uploads that were cut off continue, even those
 * of another process. A running scheduler does this by itself after each backup. Objects that could not be sent are in
 * `failed`, and are not an error.
 * @throws BackupError E_CONFIG if there is no such target, E_VAULT if the vault belongs to another root
 */
export function sync(options?: SyncOptions & Watched): Promise<SyncReport>

/**
 * Lists all vaults of a target, with their owners, and says which are late. With `monitor.neighbours`, each machine
 * watches the others.
 * @param target A target's name in the configuration.
 * @throws BackupError E_CONFIG if there is no such target; E_CLOUD, E_CLOUD_AUTH if it cannot be reached
 */
export function vaults(target: string, options?: Watched): Promise<VaultInfo[]>

/** Everything that an engine can be asked for. */
export interface Operations {
  createBackup(type?: BackupType, options?: BackupOptions & Watched): Promise<BackupResult>
  previewBackup(options?: Watched): Promise<Preview>
  pause(until: Instant, options?: Watched): Promise<void>
  resume(options?: Watched): Promise<void>
  listBackups(filter?: ListFilter, options?: Watched): Promise<BackupInfo[]>
  listItems(backup: string, filter?: ItemFilter, options?: Watched): Promise<Item[]>
  versions(path: string, options?: Watched): Promise<Version[]>
  diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>
  verify(backup?: string | null, options?: VerifyOptions & Watched): Promise<VerifyReport>
  status(options?: Watched): Promise<Status>
  history(filter?: HistoryFilter, options?: Watched): Promise<Run[]>
  doctor(options?: Watched): Promise<Diagnosis>
  restore(backup: BackupReference, options?: RestoreOptions & Watched): Promise<RestoreResult>
  undoRestore(options?: UndoOptions & Watched): Promise<RestoreResult>
  applyPendingRestore(options?: Watched): Promise<RestoreResult | null>
  discardPendingRestore(options?: Watched): Promise<boolean>
  prune(options?: PruneOptions & Watched): Promise<PruneReport>
  deleteBackup(backup: string, options?: Watched): Promise<PruneReport>
  pin(backup: string, options?: Watched): Promise<string>
  unpin(backup: string, options?: Watched): Promise<string>
  acceptBackup(backup: string, options?: Watched): Promise<string[]>
  adoptVault(options?: Watched): Promise<void>
  exportBackup(backup: string, file: string, options?: ExportOptions & Watched): Promise<ExportResult>
  importBackup(file: string, options?: ImportOptions & Watched): Promise<BackupInfo>
  migrate(from: string, options?: MigrateOptions & Watched): Promise<MigrateReport>
  sync(options?: SyncOptions & Watched): Promise<SyncReport>
  vaults(target: string, options?: Watched): Promise<VaultInfo[]>
}

/** What the history calls an operation. */
export type HistoryName =
  | 'BACKUP'
  | 'VERIFY'
  | 'RESTORE'
  | 'PRUNE'
  | 'DELETE'
  | 'EXPORT'
  | 'IMPORT'
  | 'SYNC'
  | 'REHEARSAL'

/** What runs, as `progress` has it. */
export type OperationName =
  | 'createBackup'
  | 'previewBackup'
  | 'pause'
  | 'resume'
  | 'listBackups'
  | 'listItems'
  | 'versions'
  | 'diff'
  | 'verify'
  | 'status'
  | 'history'
  | 'doctor'
  | 'restore'
  | 'undoRestore'
  | 'applyPendingRestore'
  | 'discardPendingRestore'
  | 'prune'
  | 'deleteBackup'
  | 'pin'
  | 'unpin'
  | 'acceptBackup'
  | 'adoptVault'
  | 'exportBackup'
  | 'importBackup'
  | 'migrate'
  | 'sync'
  | 'vaults'
  | 'authorizeDrive'
  | 'runScheduled'
  | 'runDue'
  | 'inspect'
  | 'inspectDue'
  | 'syncDue'
  | 'recover'

/** The metadata of a file, folder or link. */
export type Aspect = ('mode' | 'owner' | 'time') | 'attributes' | 'names'

/**
 * Why a backup was made. HOURLY, MANUAL, API and SAFETY backups are incremental; DAILY, WEEKLY and MONTHLY backups are
 * full.
 */
export type BackupType = 'MANUAL' | 'API' | 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'SAFETY'

/** Which backup: by name, or the newest good one at or before an instant. */
export type BackupReference =
  | string
  | {
      at: Instant
    }

/** A moment: milliseconds since 1970, or a time such as `2026-11-23T02:00:00Z`. */
export type Instant = Date | number | string

/** What an item is for the owner of the app. */
export type Category = 'database' | 'config' | 'logs' | 'accounts' | 'templates' | 'session' | 'media' | 'data'

export type ItemType = 'file' | 'dir' | 'symlink'

export type CloudState = 'off' | 'queued' | 'synced' | 'failing'

export type LeftReason = 'unreadable' | 'ours' | 'default' | 'exclude' | 'sources' | 'special' | 'link'

/** Who makes the scheduled backups. */
export type Maker = 'nobody' | 'host' | 'commands'

/** How a restore in place treats an app that may be running. */
export type RestoreMode = 'auto' | 'live' | 'offline' | 'on-restart'

/** How a run ended. */
export type RunResult = ('success' | 'failure' | 'running') | 'degraded' | 'interrupted'

/** Which account to sign in to. */
export interface AuthorizeOptions {
  /**
   * The `name` of the target in `cloud`. Default: the first Google Drive there. Works also before a target is
   * configured.
   */
  target?: string
}

export interface BackupInfo {
  backup: string
  /** The totals of each category in the backup. */
  categories: Partial<Record<Category, CategoryTotals>>
  /**
   * `queued`: it will be sent to a target. `synced`: every target whose rules keep it has reported that it has it,
   * and there is at least one. `off`: it is not sent anywhere, because there is no target, `cloudSync` is false, or
   * the rules of every target have dropped it.
   */
  cloud: 'off' | 'queued' | 'synced'
  /** The smaller scheduled types for which it counts. */
  covers?: BackupType[]
  degraded: boolean
  full: boolean
  items: number
  /** Where the backup is: `'local'`, and the names of targets, as far as this vault knows. */
  location: string[]
  note?: string
  /** Kept until it is unpinned. */
  pinned: boolean
  /** Bytes that this backup added to the vault. */
  size: number
  /** Present until the backup is accepted. */
  suspicious?: Suspicion
  timestamp: number
  /** Bytes of its items, as they were on disk. */
  totalSize: number
  type: BackupType
  verifiedAt?: number
}

/**
 * The backup has lost most of the data of the newest backup that is not suspicious (more than half of the items, more
 * than half of a database, or all of a category), or most files have changed at once and no longer compress. It
 * replaces no other backup in the retention rules, and nothing is pruned until it is accepted or deleted.
 */
export interface Suspicion {
  /** The backup with which it was compared. */
  against: string
  /** The reasons, as sentences without a full stop. */
  reasons: string[]
  /** The first backup with this doubt: this one, or an earlier one. */
  since: string
}

export interface BackupOptions {
  /** Read and hash every byte again. Default: true for DAILY, WEEKLY and MONTHLY. */
  full?: boolean
  /** A short text of your own, stored with the backup. */
  note?: string
  /** Wait for a running operation, instead of failing with E_BUSY. */
  wait?: boolean
}

export interface BackupResult {
  backup: string
  /** The number of items that are new or changed since the previous backup. */
  changed: number
  /** `off`: there is no target. `queued`: the backup is sent by itself, and `sync()` waits for that. */
  cloud: 'off' | 'queued' | 'synced'
  /** Some data could not be stored as it should be. The first `warnings` say what, and what to do. */
  degraded: boolean
  durationMs: number
  /** Whether every byte was read again. */
  full: boolean
  items: number
  /**
   * Things to know that are not faults: other disks or folders that are mounted in the root. Absent if there are
   * none.
   */
  notes?: Warning[]
  /** The number of items of the previous backup that are gone. */
  removed: number
  /** Bytes that this backup added to the vault. */
  size: number
  success: true
  suspicious?: Suspicion
  /** Bytes of its items, as they are on disk. */
  totalSize: number
  type: BackupType
  warnings: Warning[]
}

export interface Warning {
  message: string
  path: string
}

export interface CategoryTotals {
  items: number
  size: number
}

/** One path that exists on both sides and differs. */
export interface Change {
  after: Item
  before: Item
  /** Which metadata differs: `attributes` are extended attributes and ACLs, `names` the other names of the same file. */
  besides?: Aspect[]
  category: Category
  /** Only the metadata differs, and not the content. */
  metadataOnly: boolean
  /** For a SQLite database: why it could not be compared completely, or what differs if all rows are the same. */
  note?: string
  path: string
  /** For a SQLite database: the tables whose rows or definition differ. */
  tables?: TableDiff[]
}

/** One path of a backup. */
export interface Item {
  category: Category
  /** Milliseconds since the epoch. */
  mtime: number
  /** The path relative to the root, with `/`. */
  path: string
  /** The bytes of the path in base64, if it is not UTF-8. */
  raw?: string
  /** Absent for folders and links, and for a database that was written to while it was copied. */
  sha256?: string
  /** Bytes. */
  size: number
  type: ItemType
}

/**
 * What changed in one table. Rows are identified by rowid or primary key. Virtual tables (FTS5) are shown as the
 * ordinary tables that store their data.
 */
export interface TableDiff {
  added: number
  changed: number
  /** Only the newer side has the table. */
  created?: boolean
  /** Only the older side has the table. */
  dropped?: boolean
  removed: number
  /** The definition of the table differs, too. */
  schema: boolean
  table: string
}

export interface Check {
  /** How to fix it. A check that passed may have advice, too. */
  mend?: string
  /** What was found. */
  message: string
  /** What was checked, in one word. */
  name: string
  ok: boolean
}

export interface CloudFailure {
  at: number
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
}

/** The state of one target. */
export interface CloudStatus {
  /** The last failure; absent if the target has worked since. */
  lastFailure?: CloudFailure
  /** The last time when everything was there, in milliseconds since 1970. */
  lastSuccess?: number
  /** The number of objects that wait to be sent. */
  pending: number
  /** Their bytes. */
  pendingBytes: number
  provider: 'gdrive' | 's3' | 'folder'
  /** `off`: nothing is sent there by itself (`cloudSync`). `failing`: see `lastFailure`. */
  state: 'off' | 'queued' | 'synced' | 'failing'
  target: string
  /** What the last pruning there could not do, and why. */
  warnings?: string[]
}

export interface Damage {
  /** The backups that need the object, oldest first. */
  backups: string[]
  healed: boolean
  message: string
  /** The object's path inside the vault. */
  object: string
}

/** Every check from the root to the vault. */
export interface Diagnosis {
  checks: Check[]
  /** No check failed. */
  ok: boolean
}

/** The difference. Files of the live root that need not be read have no `sha256` here. */
export interface DiffReport {
  added: Item[]
  changed: Change[]
  durationMs: number
  /** The backup that is compared with `to`. */
  from: string
  removed: Item[]
  /** The other backup; absent if it is the live root. */
  to?: string
  /** The number of items that are the same. */
  unchanged: number
  /** What could not be compared, and why. */
  warnings?: Warning[]
}

/** A sign-in that works. */
export interface DriveAccount {
  /** The owner of the Drive: an e-mail address. */
  account: string
  /** Free bytes in the account, if it has a limit. */
  free?: number
}

export interface ExportOptions {
  /** Encrypt the archive. Default: `encryption` of the configuration, or true if the file's name ends in `.sealed`. */
  encrypt?: boolean
  /** Paths, globs or categories. Default: everything. */
  items?: string[]
  /** Replace the file if it exists. Otherwise an existing file is E_CONFIG. */
  overwrite?: boolean
}

export interface ExportResult {
  durationMs: number
  /** Whether the archive is encrypted. */
  encrypted: boolean
  /** The absolute path of the archive. */
  file: string
  items: number
  /** Bytes of the archive. */
  size: number
}

export interface HistoryFilter {
  /** At most so many, the newest. */
  limit?: number
  /** In upper or lower case: `backup`, `PRUNE`, ... */
  operation?: string
  /** Inclusive. */
  since?: Instant
  type?: BackupType
  /** Inclusive. */
  until?: Instant
}

/** A process of the app that has loaded Lifeboat. */
export interface HostStatus {
  /** It applies a waiting restore at its start. */
  appliesPending: boolean
  name: string
  pid: number
  /** It reads restored files again while it runs. */
  reloads: boolean
  /** Since when its scheduler runs, in milliseconds since 1970. */
  scheduler?: number
  /** Milliseconds since the epoch. */
  since: number
  zone: string
}

export interface ImportOptions {
  /** The archive's passphrase, if it is not the vault's. Default: the environment variable BACKUP_ARCHIVE_PASSPHRASE. */
  passphrase?: string
}

/** The result of a scheduled check of the vault. */
export interface Inspection {
  /** The result of a rehearsed restore: what was wrong with the restored files. Absent on days without a rehearsal. */
  rehearsal?: VerifyReport
  verify: VerifyReport1
}

export interface VerifyReport {
  backups: number
  /** Bytes that were read back and authenticated. */
  bytes: number
  damaged: Damage[]
  durationMs: number
  ok: boolean
  packs: number
}

/** The result for the part of the vault that was due. */
export interface VerifyReport1 {
  backups: number
  /** Bytes that were read back and authenticated. */
  bytes: number
  damaged: Damage[]
  durationMs: number
  ok: boolean
  packs: number
}

/** Which items. */
export interface ItemFilter {
  /**
   * Paths, globs or categories. If a name fits several of them, an existing path is used before a glob, and a file
   * before a category. A folder is taken together with the category. `./database` always means the path, and
   * `category:database` the category. A path that is not UTF-8 is written as `//` and its bytes in base64 (`'//' +
   * item.raw`).
   */
  items?: string[]
}

export interface LastFailure {
  at: number
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  type: BackupType
}

export interface ListFilter {
  /** At most so many, the newest. */
  limit?: number
  /** Inclusive. */
  since?: Instant
  type?: BackupType
  /** Inclusive. */
  until?: Instant
}

/** How a new root is set up from a vault or an archive. */
export interface MigrateOptions {
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
  /** Default: the newest. An archive contains only one backup, so there is no choice. */
  backup?: BackupReference
  /** Copy the vault, too, so that the new root continues its history. Default true. */
  history?: boolean
  /**
   * Give all files to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may do this. Default: the owners in
   * the backup.
   */
  owner?: string
  /** Restore a backup into the root. False: bring back only the vault, for a root that has lost it. Default true. */
  restore?: boolean
  /** The id of the vault, if the target has several. */
  vaultId?: string
}

export interface MigrateReport {
  backup: string
  /** The number of backups in the new vault. */
  backups: number
  /** Bytes of the items. */
  bytes: number
  /** Bytes that were copied into the new vault. */
  copied: number
  /** The damage in the new vault. The root is whole nevertheless. */
  damaged: Damage[]
  durationMs: number
  items: number
  /** What is left to do, in this order. */
  next: NextStep[]
  /** This call continued a migration that had been cut off. */
  resumed: boolean
  root: string
  /** The vault's folder, or the archive, from which everything came. */
  source: string
  success: true
  /** The time of the backup. */
  timestamp: number
  /** The vault of the new root; absent with `history: false`. */
  vault?: string
  /**
   * Things that do not fit this machine, such as absolute paths in the configuration, or missing dependencies
   * (`file:../lifeboat`). Lifeboat does not change them.
   */
  warnings: Warning[]
}

/** One thing that is left to do. */
export interface NextStep {
  /** The command to run in the new root. */
  command: string
  why: string
}

/** One run: when, and of which type. */
export interface NextRun {
  /** Milliseconds since the epoch. */
  at: number
  type: BackupType
}

/** What a backup of the root would contain now. All lists have the largest entries first. */
export interface Preview {
  categories: Partial<Record<Category, CategoryTotals>>
  durationMs: number
  /** The number of items that would be backed up. */
  items: number
  /** What would not be backed up. Entries that make a backup degraded come first. */
  left: PreviewLeft[]
  /** As in `BackupResult`. */
  notes?: Warning[]
  root: string
  size: number
  /**
   * What would be backed up, by folder and category. Folders are shown two levels deep, or less if there are very
   * many.
   */
  taken: PreviewFolder[]
  /** The part of it that is probably useless. `exclude` leaves it out. */
  useless: PreviewUseless[]
}

/** One thing that would not be backed up, and why. */
export interface PreviewLeft {
  items: number
  /** A backup without it is degraded. */
  lost: boolean
  /** How to back it up, or how to leave it out on purpose. */
  mend?: string
  /** There are more items than were counted. */
  more?: boolean
  /** Empty for many small entries that are counted together. */
  path: string
  reason: LeftReason
  size: number
  /** The reason, in a sentence. */
  why: string
}

/** What would be backed up of one category in one folder, including the folders in it. */
export interface PreviewFolder {
  category: Category
  items: number
  /** The path relative to the root; `.` is the root itself. */
  path: string
  size: number
}

export interface PreviewUseless {
  items: number
  path: string
  size: number
  /** The reason, in a sentence. */
  why: string
}

export interface Problem {
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  since: number
}

export interface Progress {
  bytes: number
  etaMs?: number
  items: number
  path?: string
  /** The current step, in one word. */
  phase: string
  totalBytes?: number
  totalItems?: number
}

export interface PruneOptions {
  /**
   * Free all space now. By default a pack is removed one day after nothing needs it any more, so that a copy of the
   * vault that somebody is making is complete. The report warns about packs that were removed at once.
   */
  atOnce?: boolean
  /** Prune although a backup is suspicious. */
  despiteSuspicion?: boolean
  /** Only report what would be removed, and why. */
  dryRun?: boolean
  /** Prune this target by its own `keep`, instead of the local vault. Not with `atOnce`. */
  target?: string
  /** The id of the vault at the target, if there are several and none on this machine: `prefix` in `vaults()`. */
  vaultId?: string
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
}

export interface PruneReport {
  /** Every backup, newest first, with the decision about it. */
  backups: PruneVerdict[]
  /** Bytes of needed data that were moved to new packs. */
  copied: number
  dryRun: boolean
  durationMs: number
  /** How many bytes smaller the vault is. In a dry run this is an estimate, accurate to a few hundred bytes per pack. */
  freed: number
  packsRemoved: number
  packsRewritten: number
  /** The number of backups that were removed, or would be. */
  removed: number
  /**
   * Bytes of packs that nothing needs any more. They are removed a day after they were found unneeded, because
   * somebody may be copying the vault.
   */
  waiting: number
  warnings: Warning[]
}

/** The decision about one backup, and the reason. */
export interface PruneVerdict {
  backup: string
  keep: boolean
  timestamp: number
  type: BackupType
  why: string
}

export interface RestoreOptions {
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
  /** Store everything that is replaced in a SAFETY backup first; the result names it. Default true. */
  createBackupFirst?: boolean
  /** Only report what would be done, and whether it is possible: key, room, every stored piece. */
  dryRun?: boolean
  /** The target from which missing or damaged data is read. Default: each target in turn. */
  from?: string
  /** As in `ItemFilter`: `['category:database', 'config.json', 'uploads/reports/2026/**']`. Default: everything. */
  items?: string[]
  /** Categories in which items are removed that are not in the backup. Default `['session']`. */
  mirror?: Category[]
  /**
   * How a restore in place treats a running app. `live`: databases are changed through SQLite, so that open
   * connections see the restored rows; other files are renamed into place. `offline`: everything is renamed into
   * place; no process may have a database open. `on-restart`: everything is prepared, and `applyPendingRestore()`
   * applies it at the next start.
   *
   * `auto`, the default, chooses one mode for all files. The result says which one, and why. If no app runs:
   * offline. For databases alone: live if a process has them open. For other files, which an app may have in memory
   * and write back: live if every running app listens to `restore:reload`; otherwise on-restart if the apps apply
   * restores at their start, and the app is then asked to restart (`requestRestart`); otherwise live, with an
   * `advice`.
   */
  mode?: 'auto' | 'live' | 'offline' | 'on-restart'
  /**
   * Give all files to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may do this. Default: the owners in
   * the backup.
   */
  owner?: string
  /** Take each of `items` from the newest backup that has it, up to the chosen one. */
  perItem?: boolean
  /** Save everything that is whole in a damaged vault, and list the rest in `failed`. Needs a `target`. */
  salvage?: boolean
  /** The same as giving `items`. True without `items` is E_CONFIG. */
  selective?: boolean
  /** Another folder instead of the root. It must be empty or must not exist. No live file is changed. */
  target?: string
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /**
   * After a restore under a running app that does not read the restored files again: watch for up to 30 s whether
   * the app overwrites them, and report that in `overwritten`. Default true. Aborting the signal ends the watching,
   * and the restore stays.
   */
  watch?: boolean
}

export interface RestorePlan {
  bytes: number
  /** `.` in `replace` is the root folder itself: its owner, mode or attributes. */
  create: string[]
  remove: string[]
  replace: string[]
  unchanged: number
}

export interface RestoreResult {
  /** What to do now, in a sentence, for example to restart the app. Absent if nothing is left to do. */
  advice?: string
  backup: string
  dryRun: boolean
  /** The time until everything was in place, without the time that hosts needed to read it again. */
  durationMs: number
  /** What a salvage could not save, and why. */
  failed?: Warning[]
  /**
   * WhatsApp sessions that work and were not restored, although they differ from the backup, because an older state
   * would break them. Each message says how to restore it nevertheless. A session that `items` names is restored.
   */
  kept?: Warning[]
  /** The mode of a restore in place, never `auto`. Absent with a `target`. */
  mode?: RestoreMode
  /**
   * Files that the app overwrote or removed after they were restored. They stay as the app left them, and this is
   * not a failure.
   */
  overwritten?: string[]
  plan: RestorePlan
  /** Why that mode was chosen, in a sentence. */
  reason?: string
  /** The running apps that have read the restored files again, such as `bot.js (process 4711)`. */
  reloadedBy?: string[]
  /** The paths that were written. Empty for a dry run, and while the restore waits for the next start. */
  restored: string[]
  /** The backup with everything that was replaced or removed. `undoRestore()` uses it. */
  safetyBackup?: string
  /** In a dry run: bytes that the safety backup will probably add to the vault. */
  safetyBytes?: number
  /** The restore waits for the next start. Call `applyPendingRestore()` there, before any file is opened. */
  staged: boolean
  /**
   * Files that a process still has open although they were deleted, moved or replaced. What it writes there is lost,
   * so it has to be restarted. `advice` says so.
   */
  stillOpen?: string[]
  success: true
  /** For `undoRestore()`: the restore that was taken back. */
  takesBack?: TakenBack
  /** The time of the backup. */
  timestamp: number
  /** The command that takes it back, `lifeboat undo`. Absent if nothing was done, or if no safety backup was made. */
  undo?: string
  warnings: Warning[]
}

/** The restore that was taken back. */
export interface TakenBack {
  /** When it was made, in milliseconds since 1970. */
  at: number
  /** The backup that it had restored. */
  backup: string
  /** It was itself an undo. */
  undo: boolean
}

/**
 * One entry of the history, which keeps the newest 20,000. An operation that was refused with E_BUSY did nothing, and
 * has no entry.
 */
export interface Run {
  /** When it began, in milliseconds since 1970. */
  at: number
  /** The backup that was made, restored, exported, ... */
  backup?: string
  changed?: number
  /** The code of the error, if it failed. */
  code?: ErrorCode
  /** The smaller scheduled types for which it counted. */
  covers?: BackupType[]
  durationMs: number
  /** True if a host requested it, false if a command did. */
  hosted: boolean
  items?: number
  message?: string
  operation: HistoryName
  result: RunResult
  /** For a backup: the schedule requested it, and tries again if it failed. */
  scheduled?: boolean
  /** Bytes that were added, freed, written or read, depending on the operation. */
  size?: number
  /** Bytes of the backup's items. */
  totalSize?: number
  /** The type, for a backup. */
  type?: BackupType
  /** The first ten warnings. */
  warnings: Warning[]
}

/** The operation that holds the vault's lock. */
export interface Running {
  operation: string
  pid: number
  /** Its progress, as it last reported it. */
  progress?: Progress
  /** Milliseconds since the epoch. */
  since: number
}

export interface ScheduleStatus {
  by: Maker
  /** The hosts that are running. */
  hosts: HostStatus[]
  /** The last backup of a scheduled type that a command made. */
  last_command?: NextRun
  /** The next scheduled backup. Absent if no process will make it. */
  next?: NextRun
  /** Scheduled backups are paused until this time. */
  paused?: number
  /** Whether a scheduler runs: in this process, or, if asked from outside, in any host. */
  running: boolean
}

export interface Status {
  /** Milliseconds since the newest good backup. */
  age?: number
  /** The state of each target. */
  cloud: CloudStatus[]
  healthy: boolean
  /** The newest failure of a backup. */
  lastFailure?: LastFailure
  lastSuccess: Partial<Record<BackupType, number>>
  /** A restore waits for the next start of the app. */
  pendingRestore: boolean
  problems: Problem[]
  /** What is running now, if anything: "BACKUP HOURLY", ... */
  running?: Running
  schedule: ScheduleStatus
  storage: StorageStatus
}

export interface StorageStatus {
  /** The number of backups. */
  backups: number
  /** Bytes free on the vault's disk. */
  free: number
  /** The limit, `maxLocalStorage`. */
  limit: number
  /** Bytes of the items of all backups, as if each backup were a plain copy. */
  sourceBytes: number
  /** Bytes of the packs and snapshots that store them. */
  storedBytes: number
  /** Bytes of everything in the vault's folder. */
  used: number
}

/** An object that could not be sent. */
export interface SyncFailure {
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  /** Its path inside the vault; empty if the target itself failed. */
  object: string
  target: string
}

/** Which targets. */
export interface SyncOptions {
  /** The name of the only target to send to. Default: all. */
  target?: string
}

/** What a sync did. */
export interface SyncReport {
  /** Their bytes. */
  bytes: number
  failed: SyncFailure[]
  /** The number of objects that still wait. */
  pending: number
  /** The number of objects that were sent, to all targets together. */
  uploaded: number
  /** Problems at a target that are not failures: that nothing is pruned there, and why. `path` is the target's name. */
  warnings?: Warning[]
}

/** How to take back the last restore. */
export interface UndoOptions {
  /** Only plan and check; change nothing. */
  dryRun?: boolean
  mode?: RestoreMode
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /** As for a restore. Default true. */
  watch?: boolean
}

/** A vault at a target that many machines may share. */
export interface VaultInfo {
  /** Bytes of everything there. */
  bytes: number
  /** The newest backup is older than the owner of the vault allows. */
  late: boolean
  /** When the newest backup there was made, in milliseconds since 1970. */
  newest?: number
  /** The owner, as the vault names it: `bot on server-1`. */
  owner: string
  /** The vault's folder at the target, which is named by the vault's id. */
  prefix: string
}

export interface VerifyOptions {
  /** Also decompress every chunk and compute its hash again. */
  deep?: boolean
  /**
   * Verify this target, instead of the local vault. Damaged objects there are replaced from here. Not together with
   * a backup.
   */
  target?: string
}

/** One version of one path: the item as the newest backup with this version has it. */
export interface Version {
  /** The newest backup that has this version. */
  backup: string
  /** The number of backups that have it. */
  backups: number
  category: Category
  /** The oldest of the backups in a row that have this version. */
  firstBackup: string
  /** The first backup after these without the path. */
  goneIn?: string
  /** Milliseconds since the epoch. */
  mtime: number
  /** The path relative to the root, with `/`. */
  path: string
  /** The bytes of the path in base64, if it is not UTF-8. */
  raw?: string
  /** Absent for folders and links, and for a database that was written to while it was copied. */
  sha256?: string
  /** Bytes. */
  size: number
  /** When that backup was made. */
  timestamp: number
  type: ItemType
  /** Backups among these, or next to them, that cannot be read. It is not known which version of the path they have. */
  unreadable?: string[]
}
