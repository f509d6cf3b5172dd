// Package migrations holds the tables of the sink as SQL files, and brings a database to them and back.
//
// Each NNNN_name.up.sql is one transaction, as is its .down.sql, and released files never change. golang-migrate runs them and keeps
// its version in the table sink_schema_migrations, in the schema that search_path names first, as are all tables. It marks
// that version as dirty before a file and as clean behind it, outside of the file's transaction: a migration that is killed leaves the
// dirty mark. So each file also writes what it makes of the tables into the comment of sink_schema_migrations, inside its
// transaction, and [Recover] goes by that.
package migrations
