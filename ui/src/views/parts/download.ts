/** Hands a text to the browser as a file. */
export async function download(name: string, text: string, type: string): Promise<boolean> {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
  return true;
}
