/// The version of this program.
public enum RotorVersion {
    public static let text = "0.1.0"
}
