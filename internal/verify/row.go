package verify

import (
	"ridesink/internal/partlog"
	"ridesink/schema"
)

// row.go: a row whose bytes are not those that today's binary makes of the record: is it another value, or another way of keeping the same?

// rowDifference is a column whose value is another.
type rowDifference struct{ column, stored, record string }

// rowComparison compares rows column by column. It is for the rare case.
type rowComparison struct {
	columns []rideColumn
	extra   int             // place of extra_fields
	decoder *schema.Decoder // of its own, so that layouts of extra_fields do not drive out those of records, and bare: what is in them is no record
}

func newRowComparison() *rowComparison {
	columns := rideColumns()
	return &rowComparison{columns: columns, extra: len(columns) - 1, decoder: schema.NewBareDecoder()}
}

// compare returns the columns in which a stored row and the row of its record differ in value; none if they are equal. Decimals are equal if
// every digit is, so 1.5 is not 1.50. extra_fields are equal as jsonb; a field that an older binary kept there, and that has a
// column by now, counts as if it were in the column.
func (c *rowComparison) compare(stored, record [][]byte) []rowDifference {
	if stored[c.extra] != nil && !sameJSON(stored[c.extra], record[c.extra]) {
		stored = c.promote(stored)
	}
	var found []rowDifference
	for i, column := range c.columns {
		same := sameNullable(stored[i], record[i])
		if column.form == formJSONB {
			same = sameJSON(stored[i], record[i])
		}
		if !same {
			found = append(found, rowDifference{column: column.name, stored: column.text(stored[i]), record: column.text(record[i])})
		}
	}
	return found
}

// promote returns the row as today's binary would have stored it: fields of extra_fields that have a column go there, if it is NULL.
func (c *rowComparison) promote(stored [][]byte) [][]byte {
	row, err := c.decoder.AppendRow(nil, schema.Coordinates{Timestamp: -1}, stored[c.extra][1:])
	if err != nil {
		return stored // nothing in it has a column
	}
	fields := split(row)
	promoted := make([][]byte, len(stored))
	for i, column := range c.columns {
		switch promoted[i] = stored[i]; {
		case i == c.extra:
			promoted[i] = fields[i]
		case stored[i] == nil && column.name != columnTimestamp:
			promoted[i] = fields[i]
		}
	}
	return promoted
}

// compareRow compares a row that is not equal byte for byte with its record's, and reports.
func (c *partitionCheck) compareRow(r *partlog.Record, stored [][]byte, bad *schema.DecodeError) {
	if bad != nil {
		c.report.Different++
		c.different(Difference{Offset: r.Offset, Detail: "it is a row, and today's binary makes a dead letter of the record: " + string(bad.Reason)})
		return
	}
	found := c.rows.compare(stored, split(c.want))
	if len(found) == 0 {
		c.report.Equal++
		return
	}
	c.report.Different++
	for _, d := range found {
		c.different(Difference{Offset: r.Offset, Column: d.column, Stored: d.stored, Record: d.record})
	}
}
