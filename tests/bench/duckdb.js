// DuckDB at the end of a pipe: a statement as a JSON string a line in, {"rows": …} or {"error": …} out.
const { DuckDBInstance } = require(process.argv[2]);
const readline = require("node:readline");

async function serve() {
	const instance = await DuckDBInstance.create(":memory:");
	const connection = await instance.connect();
	for await (const line of readline.createInterface({ input: process.stdin })) {
		let answer;
		try {
			const reader = await connection.runAndReadAll(JSON.parse(line));
			answer = { rows: reader.getRowsJson() };
		} catch (error) {
			answer = { error: String(error) };
		}
		process.stdout.write(JSON.stringify(answer) + "\n");
	}
}

serve();
