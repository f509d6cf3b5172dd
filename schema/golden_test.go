package schema

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// golden_test.go: what each dialect looks like, to read and to keep. Renew the files with -update.

var update = flag.Bool("update", false, "write testdata anew")

func TestGoldenDialects(t *testing.T) {
	t.Parallel()
	for _, dialect := range Dialects() {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			rides := sampleRides(2020, 4)
			rides[1].FareAmount, rides[1].TotalAmount = "-9.50", "-10.30"
			rides[2].PassengerCount, rides[2].StoreAndFwdFlag, rides[2].AirportFee = Null[int32]{}, "", "1.75"
			rides[3].ExtraFields = `{"driver":{"rating":4.90}}`
			var records, columns bytes.Buffer
			for _, value := range encoded(t, dialect, rides) {
				fmt.Fprintf(&records, "%s\n", value)
				row, err := NewDecoder().AppendRow(nil, anywhere, value)
				if err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				stored := tuple(t, row)
				for _, column := range Columns() {
					text, there := stored[column]
					if !there {
						text = "NULL"
					}
					fmt.Fprintf(&columns, "%-21s %s\n", column, text)
				}
				columns.WriteByte('\n')
			}
			requireGolden(t, dialect.String()+".jsonl", records.Bytes())
			requireGolden(t, dialect.String()+".rows", columns.Bytes())
		})
	}
}

func requireGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go test ./schema -run TestGoldenDialects -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs, now it is\n%s", path, got)
	}
}
