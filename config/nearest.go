package config

// Nearest is the name that differs from word in the fewest letters, in two at
// most and in less than half of them; empty where there is none.
func Nearest(word string, names []string) string {
	nearest, least := "", 3
	for _, name := range names {
		if d := distance(word, name); d < least && 2*d < len(word) {
			nearest, least = name, d
		}
	}
	return nearest
}

// distance is the least number of letters to insert, remove or change that
// makes one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
