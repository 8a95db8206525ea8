// Hands the browser a file to keep.
export function save(content: Blob, name: string, extension: string) {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'panel'}.${extension}`;
  link.click();
  URL.revokeObjectURL(url);
}
