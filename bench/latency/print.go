package latency

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// print.go: results for people.

// Print writes a table, a line for each result.
func Print(w io.Writer, results []Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rides/s\tpartitions\trides\tp50 ms\tp90 ms\tp99 ms\tmax ms\tmachine %\twithout sink %\tothers %\tsink core %\tbroker\tPostgreSQL\tgenerator\tsink MB\ttransactions/s\tlate ms\t")
	for _, r := range results {
		u := r.Usage
		fmt.Fprintf(table, "%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t\n",
			r.Rate, r.Partitions, r.Sent, r.P50, r.P90, r.P99, r.Max, u.MachineBusy, r.Baseline.MachineBusy, u.OthersBusy,
			u.Sink, u.Broker, u.PostgreSQL, u.Generator, float64(u.SinkPeak)/1e6, u.Transactions, r.SlowestSend)
	}
	return table.Flush()
}
