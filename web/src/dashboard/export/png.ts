// A picture of a panel. Its DOM is copied into an SVG with the styles that it has on the page and its canvases as images;
// the browser draws that SVG, and nothing leaves the page.
import { save } from './save';

const SCALE = 2;

export async function savePng(element: HTMLElement, name: string) {
  const { width, height } = element.getBoundingClientRect();
  const copy = copyOf(element);
  copy.style.margin = '0';
  const fonts = document.createElement('style');
  fonts.textContent = await fontFaces();
  copy.prepend(fonts);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">` +
    `${new XMLSerializer().serializeToString(copy)}</foreignObject></svg>`;
  const image = await imageOf(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`);
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext('2d')!;
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (!blob) {
    throw new Error('the browser made no picture of this size');
  }
  save(blob, name, 'png');
}

function copyOf(element: HTMLElement): HTMLElement {
  const copy = element.cloneNode(true) as HTMLElement;
  dress(element, copy);
  const originals = element.querySelectorAll('*');
  copy.querySelectorAll('*').forEach((part, at) => dress(originals[at], part));
  return copy;
}

function dress(original: Element, copy: Element) {
  const computed = getComputedStyle(original);
  const style = [...computed].map((property) => `${property}:${computed.getPropertyValue(property)}`).join(';');
  copy.setAttribute('style', style);
  if (original instanceof HTMLCanvasElement && original.width > 0 && original.height > 0) {
    const image = document.createElement('img');
    image.src = original.toDataURL();
    image.setAttribute('style', style);
    copy.replaceWith(image);
  }
}

/** An SVG that is drawn as an image sees none of the page's fonts: those of the page's type go with it. */
async function fontFaces(): Promise<string> {
  const faces: string[] = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      const address = rule instanceof CSSFontFaceRule && /Inter|Roboto Mono/.test(rule.cssText) && /url\("([^"]+)"\)/.exec(rule.cssText);
      if (address && !/U\+100-/i.test(rule.cssText)) {
        const file = await fetch(new URL(address[1], sheet.href ?? document.baseURI)).then((response) => response.blob());
        faces.push(rule.cssText.replace(address[1], await dataUrlOf(file)));
      }
    }
  }
  return faces.join('\n');
}

function dataUrlOf(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

function imageOf(source: string): Promise<HTMLImageElement> {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('the browser could not draw the copy of the panel'));
    image.src = source;
  });
}
