/** A bar chart as SVG: text and rectangles alone, for either colour scheme of a reader. */

const ROW = 34;
const LABEL_WIDTH = 230;
const BAR_WIDTH = 400;
const VALUE_WIDTH = 90;

/** @param bars name and seconds of each, from top to bottom */
export function barChart(title: string, bars: readonly (readonly [name: string, seconds: number])[]): string {
  const most = Math.max(...bars.map(([, seconds]) => seconds));
  const width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH;
  const height = ROW * (bars.length + 1) + 10;
  const rows = bars.flatMap(([name, seconds], i) => {
    const y = ROW * (i + 1);
    const length = Math.max(1, Math.round((BAR_WIDTH * seconds) / most));
    return [
      `  <text x="${LABEL_WIDTH - 10}" y="${y + 22}" text-anchor="end">${escaped(name)}</text>`,
      `  <rect x="${LABEL_WIDTH}" y="${y + 6}" width="${length}" height="${ROW - 12}" fill="#4a7fb5"/>`,
      `  <text x="${LABEL_WIDTH + length + 8}" y="${y + 22}">${seconds.toFixed(1)} s</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="14">`,
    `  <rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `  <text x="10" y="24" font-weight="bold">${escaped(title)}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
