// How long a cold load takes until the first panel is drawn: `node tests/cold.mjs http://127.0.0.1:3000/d/pulse [rounds]`.
//
// Each round is a browser of its own with nothing cached. Drawn is the first canvas in a panel.
import { chromium } from 'playwright-core';

const [address, rounds = '7'] = process.argv.slice(2);
if (!address) {
  console.error('usage: node tests/cold.mjs ADDRESS [ROUNDS]');
  process.exit(2);
}

const times = [];
for (let round = 0; round < Number(rounds); round++) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await page.addInitScript(() => {
    const look = () => {
      if (document.querySelector('[data-panel] canvas')) {
        window.__first = performance.now();
      } else {
        requestAnimationFrame(look);
      }
    };
    requestAnimationFrame(look);
  });
  await page.goto(address, { waitUntil: 'commit' });
  times.push(Math.round(await (await page.waitForFunction(() => window.__first, null, { timeout: 60_000 })).jsonValue()));
  await browser.close();
}
times.sort((a, b) => a - b);
console.log(`first panel after ${times.join(', ')} ms; median ${times[times.length >> 1]} ms`);
