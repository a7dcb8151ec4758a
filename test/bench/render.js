// Renders the rows of a file with the template engines of JavaScript, parsed or
// compiled once, and prints a line for each: name, texts per second, characters.
//   node render.js FOLDER CASES ROWS ROUNDS
// FOLDER has node_modules; CASES is a file of [{name, liquid, handlebars}], ROWS
// one of a JSON object a line.
const { createRequire } = require('module');
const fs = require('fs');

const [folder, casesFile, rowsFile, rounds] = process.argv.slice(2);
const load = createRequire(folder + '/');
const { Liquid } = load('liquidjs');
const Handlebars = load('handlebars');

const cases = JSON.parse(fs.readFileSync(casesFile, 'utf8'));
const rows = fs.readFileSync(rowsFile, 'utf8').trim().split('\n').map((line) => JSON.parse(line));

function measure(name, render) {
  const speeds = [];
  let characters;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    characters = 0;
    for (const row of rows)
      characters += render(row).length;
    speeds.push(rows.length / (Number(process.hrtime.bigint() - start) / 1e9));
  }
  speeds.sort((a, b) => a - b);
  console.log([name, speeds[Math.floor(speeds.length / 2)], characters].join('\t'));
}

const engine = new Liquid();
for (const { name, liquid, handlebars } of cases) {
  const parsed = engine.parse(liquid);
  measure(`${name} liquidjs`, (row) => engine.renderSync(parsed, row));
  measure(`${name} handlebars`, Handlebars.compile(handlebars, { noEscape: true }));
}
