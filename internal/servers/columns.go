package servers

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columns.go: whether rides still has the columns that the sink writes. COPY in binary form carries no types: into a column of another type it
// stores another value, or fails with an error that names neither the column nor the cause.

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readColumns returns the columns of rides; no lock.
const readColumns = `
SELECT attname, atttypid::regtype::text
  FROM pg_attribute
 WHERE attrelid = to_regclass('rides') AND attnum > 0 AND NOT attisdropped`

// ColumnDifferences are how rides differs from what the sink writes. Columns that users added are none.
type ColumnDifferences struct {
	Missing []string // columns
	Types   []string // columns of another type, in words
}

// CompareColumns reads the columns of rides and compares them with those that the sink writes, whose types typeOf gives as PostgreSQL's regtype prints
// them. Its errors are PostgreSQL's.
func CompareColumns(ctx context.Context, db Querier, columns []string, typeOf func(column string) string) (differences ColumnDifferences, err error) {
	rows, err := db.Query(ctx, readColumns)
	if err != nil {
		return differences, fmt.Errorf("read the columns of rides: %w", err)
	}
	types := map[string]string{}
	var name, is string
	if _, err := pgx.ForEachRow(rows, []any{&name, &is}, func() error {
		types[name] = is
		return nil
	}); err != nil {
		return differences, fmt.Errorf("read the columns of rides: %w", err)
	}
	for _, column := range columns {
		is, there := types[column]
		switch want := typeOf(column); {
		case !there:
			differences.Missing = append(differences.Missing, column)
		case is != want:
			differences.Types = append(differences.Types, fmt.Sprintf("%s is %s, not %s", column, is, want))
		}
	}
	return differences, nil
}

// TypesError returns an *EnvironmentError if columns have other types, else nil.
func (d ColumnDifferences) TypesError() error {
	if len(d.Types) == 0 {
		return nil
	}
	return &EnvironmentError{
		What: "columns of rides have other types: " + strings.Join(d.Types, ", "),
		Do:   "give them the types that sink migrate made; for other types make a view or a column of your own",
	}
}
